"""The load: clients that check everything they are sent."""
