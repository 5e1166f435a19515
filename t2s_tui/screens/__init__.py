"""The screens. Each is a breadcrumb deeper than the one it was opened from; escape goes back."""
