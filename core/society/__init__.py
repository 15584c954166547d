"""The society lab: households that spend, move and post; economy, mobility and a network coupled by memory and stress."""
