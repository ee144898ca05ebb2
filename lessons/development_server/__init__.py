"""Lesson 1: what Flask's development server does under many users, today and in the old description of it."""
