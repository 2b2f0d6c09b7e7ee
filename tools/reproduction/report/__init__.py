"""Tables, figures and text of the reproduction report, written from the committed results."""
