"""What happens before and after a load: pre-flight, preparation, options, reading back."""
