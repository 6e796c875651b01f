"""What the end-to-end and client tests share: processes under test and raw clients."""
