"""From TFRecords to crops."""
