"""What the tests share: stacks, clients, loads, faults of stores, and made-up recordings."""
