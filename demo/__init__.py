"""Tomo's main job on two throwaway servers, from nothing to repaired drift."""
