package ch09_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"network-programming-with-go/ch09"
)

// chainTrace is middleware that notes when the request passes and when the response does.
func chainTrace(trace *[]string, name string) ch09.Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			*trace = append(*trace, name+" in")
			next.ServeHTTP(w, r)
			*trace = append(*trace, name+" out")
		})
	}
}

func TestChainOrder(t *testing.T) {
	var trace []string
	h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		trace = append(trace, "handler")
	})
	for _, tt := range []struct {
		middleware []ch09.Middleware
		want       []string
	}{
		{nil, []string{"handler"}},
		{
			[]ch09.Middleware{chainTrace(&trace, "a"), chainTrace(&trace, "b")},
			[]string{"a in", "b in", "handler", "b out", "a out"},
		},
	} {
		trace = nil
		chained := ch09.Chain(h, tt.middleware...)
		chained.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
		t.Logf("Chain with %d middleware: %q", len(tt.middleware), trace)
		if !slices.Equal(trace, tt.want) {
			t.Errorf("Chain with %d middleware ran %q, want %q", len(tt.middleware), trace, tt.want)
		}
	}
}

func TestChainCostsNothing(t *testing.T) {
	pass := func(next http.Handler) http.Handler { return next }
	h := ch09.Chain(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), pass, pass, pass)
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
	if n := testing.AllocsPerRun(100, func() { h.ServeHTTP(w, r) }); n != 0 {
		t.Errorf("a request through a chain allocates %v objects of the chain's own, want 0", n)
	}
}

func ExampleChain() {
	hello := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { fmt.Println("hello") })
	say := func(text string) ch09.Middleware {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				fmt.Println(text)
				next.ServeHTTP(w, r)
			})
		}
	}
	h := ch09.Chain(hello, say("outer"), say("inner"))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	// Output:
	// outer
	// inner
	// hello
}
