"""One line that keeps generation calls alive when their provider fails."""
