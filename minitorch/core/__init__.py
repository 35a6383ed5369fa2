"""What a tensor is and how gradients flow."""
