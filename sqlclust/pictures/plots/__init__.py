"""Plots of a result as SVG, PNG and PDF, drawn by matplotlib, which only the files that draw import."""
