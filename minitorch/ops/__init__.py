"""Operations: one readable unit each."""
