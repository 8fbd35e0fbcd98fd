"""Which pictures of a catalogue show the same thing, and what they are to each other."""
