"""What we say to another county, on this instance or, later, on another one."""
