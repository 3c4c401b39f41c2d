"""The Streamlit dashboard over finished runs."""
