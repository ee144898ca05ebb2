"""What a results folder holds (results_folder.py), and the readers of its files."""
