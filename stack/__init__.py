"""The local stack: the shell behind local_stack.sh, and how Python starts its programs and others."""
