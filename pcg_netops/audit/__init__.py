"""What is valid and still unwise: findings, each with a code, a place and a remedy."""
