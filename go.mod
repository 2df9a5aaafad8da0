module network-programming-with-go

go 1.26
