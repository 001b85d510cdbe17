"""What `tests/fake_device.py` serves: shells and configuration trees of Cisco IOS-XE and Junos."""
