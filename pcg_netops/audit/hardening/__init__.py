"""`pcg audit`: hardening rules against designs and rendered text, and waivers of them."""
