"""The resize-parity lab: what resize backends do differently on your own images, and whether it matters."""
