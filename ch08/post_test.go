package ch08_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"network-programming-with-go/ch08"
	"network-programming-with-go/ch08/internal/leak"
	"network-programming-with-go/ch08/internal/pipe"
)

type User struct{ First, Last string }

type postID struct{ ID int }

// handlePostUser refuses some names and fails for others.
func handlePostUser() http.Handler {
	return ch08.PostHandler(1<<10, func(_ context.Context, u User) (postID, error) {
		switch u.Last {
		case "":
			return postID{}, &ch08.Refusal{Code: 422, Message: "no last name"}
		case "taken":
			return postID{}, fmt.Errorf("store: %w", &ch08.Refusal{Code: 409, Message: "taken"})
		case "broken":
			return postID{}, errors.New("secret: disk on fire")
		}
		return postID{len(u.First) + len(u.Last)}, nil
	})
}

// PostJSON and PostHandler talk to each other.
func TestPostUser(t *testing.T) {
	leak.Check(t)
	ts := httptest.NewServer(handlePostUser())
	defer ts.Close()
	long := strings.Repeat("x", 1<<10)
	for _, tt := range []struct {
		name   string
		user   User
		want   postID
		status ch08.StatusError // zero if PostJSON succeeds
	}{
		{"accepted", User{"Ada", "Lovelace"}, postID{11}, ch08.StatusError{}},
		{"refused", User{"Ada", ""}, postID{}, ch08.StatusError{Code: 422, Message: "no last name"}},
		{"refused, wrapped", User{"Ada", "taken"}, postID{}, ch08.StatusError{Code: 409, Message: "taken"}},
		{"failed", User{"Ada", "broken"}, postID{}, ch08.StatusError{Code: 500, Message: "internal error"}},
		{"too large", User{"Ada", long}, postID{}, ch08.StatusError{Code: 413, Message: "send at most 1024 bytes"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ch08.PostJSON[User, postID](t.Context(), ts.Client(), ts.URL, tt.user)
			var status ch08.StatusError
			if e, ok := errors.AsType[*ch08.StatusError](err); ok {
				status = *e
			} else if err != nil {
				t.Fatal(err)
			}
			if got != tt.want || status != tt.status {
				t.Errorf("PostJSON = %v, %v, want %v, status %d %q", got, err, tt.want, tt.status.Code, tt.status.Message)
			}
			t.Logf("%-.40s -> %v %v", fmt.Sprint(tt.user), got, err)
		})
	}
}

// A 307 gets the same body, 204 is a zero result, and all requests use one connection.
func TestPostJSONRedirect(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("/old", http.RedirectHandler("/new", http.StatusTemporaryRedirect))
	mux.HandleFunc("POST /new", func(w http.ResponseWriter, r *http.Request) {
		var u User
		if err := json.NewDecoder(r.Body).Decode(&u); err != nil || u.First != "Ada" || r.ContentLength < 0 {
			t.Errorf("redirected with %v of %d bytes, %v, want Ada", u, r.ContentLength, err)
		}
		w.WriteHeader(http.StatusNoContent)
	})
	synctest.Test(t, func(t *testing.T) {
		server := pipe.Serve(t, mux.ServeHTTP)
		client, _ := server.Client(t)
		for range 2 {
			got, err := ch08.PostJSON[User, postID](t.Context(), client, "http://peer.example/old", User{First: "Ada"})
			if err != nil || got != (postID{}) {
				t.Errorf("PostJSON = %v, %v, want a zero result", got, err)
			}
		}
		if got := server.Made.Load(); got != 1 {
			t.Errorf("%d connections, want 1", got)
		}
	})
}

func TestPostJSONErrors(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := ch08.PostJSON[User, postID](ctx, http.DefaultClient, "http://127.0.0.1/", User{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: error = %v, want context.Canceled", err)
	}
	_, err = ch08.PostJSON[func(), postID](t.Context(), http.DefaultClient, "http://127.0.0.1/", nil)
	if _, ok := errors.AsType[*json.UnsupportedTypeError](err); !ok {
		t.Errorf("a function: error = %v, want *json.UnsupportedTypeError", err)
	}
	_, err = ch08.PostJSON[User, postID](t.Context(), http.DefaultClient, "http://%zz/", User{})
	if err == nil {
		t.Error("a malformed URL was accepted")
	}
}

func ExamplePostJSON() {
	type receipt struct{ Welcome string }
	ts := httptest.NewServer(ch08.PostHandler(1<<10, func(_ context.Context, u User) (receipt, error) {
		return receipt{"Hello, " + u.First}, nil
	}))
	defer ts.Close()
	ctx := context.Background()
	ada := User{"Ada", "Lovelace"}
	got, err := ch08.PostJSON[User, receipt](ctx, ts.Client(), ts.URL, ada)
	fmt.Println(got.Welcome, err)

	typo := map[string]string{"Fisrt": "Ada"}
	_, err = ch08.PostJSON[map[string]string, receipt](ctx, ts.Client(), ts.URL, typo)
	fmt.Println(err)
	// Output:
	// Hello, Ada <nil>
	// post: status 400 Bad Request: "unknown field \"Fisrt\""
}
