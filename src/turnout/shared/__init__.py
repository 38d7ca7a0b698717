"""Floor 3: state that several workers or machines see."""
