module egressd.io/tests/node/probe

go 1.26.0
