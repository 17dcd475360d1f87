"""Interoperation: our control point with devices that others wrote, and our devices with others' control points."""
