"""What time and memory the product takes."""
