"""The downstream benchmark (Sec. 4.5): the paper's protocols, their data, and the paper's own results."""
