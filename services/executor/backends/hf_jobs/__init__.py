"""Jobs on machines that Hugging Face rents out. `backend` is the worker's side, `entry` the container's."""
