"""What the benchmarks of the services share: workloads with a server and loads of their own, and the page of them."""
