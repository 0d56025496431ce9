"""Local servers that speak each PAC's protocol, stamp with a test certificate, and fail when told to."""
