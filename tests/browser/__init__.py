"""Tests of the dashboard in a real Chromium; a package, so that server and browser end with its last test."""
