"""The reproduction report: named runs from a plan, what is measured on them, and the pages made of that."""
