"""Files and folders on disk: written whole or not at all, locked, hashed, and read with care."""
