module meseta

go 1.26.0

require (
	github.com/bufbuild/protocompile v0.14.1
	github.com/prometheus/procfs v0.23.0
	github.com/rs/zerolog v1.35.1
	go.etcd.io/bbolt v1.4.3
	google.golang.org/protobuf v1.36.12
)

require (
	github.com/mattn/go-colorable v0.1.14 // indirect
	github.com/mattn/go-isatty v0.0.20 // indirect
	github.com/stretchr/testify v1.12.1 // indirect
	golang.org/x/sync v0.24.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)
