"""What every part of the package uses: files, locks, and readers of what others wrote."""
