"""What a virtual user does: reads, writes, and the smoke walk."""
