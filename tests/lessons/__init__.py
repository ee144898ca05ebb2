"""Tests of the lessons: the frame, and the direction of each lesson in a short form."""
