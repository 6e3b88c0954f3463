"""From TFRecords to crops and affinity targets."""
