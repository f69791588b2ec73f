"""Guidance from a diffusion model: score distillation (A18) with any diffusers pipeline."""
