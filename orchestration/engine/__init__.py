"""The shell around the planning core: claims, records, messages and sweeps."""
