"""The router by itself: what its features cost, how it grows, its tail under load, programs around it."""
