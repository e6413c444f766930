"""What leaves a group for people and for other programs: files that can be checked without this node."""
