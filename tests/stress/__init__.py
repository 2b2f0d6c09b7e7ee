"""Fuzzers and kills with fixed seeds: `make stress`, which takes hours and is no part of `make test`."""
