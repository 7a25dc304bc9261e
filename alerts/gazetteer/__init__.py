"""Place look-up: from what people type (postcode, name, position) to places on the map, without asking anybody."""

from alerts.gazetteer.candidate import PlaceCandidate, folded
from alerts.gazetteer.place_lookup import PlaceLookup
from alerts.gazetteer.postcodes import Postcodes
from alerts.gazetteer.registered_places import RegisteredPlaces
from alerts.gazetteer.world_places import WorldPlaces

__all__ = ["PlaceCandidate", "PlaceLookup", "Postcodes", "RegisteredPlaces", "WorldPlaces", "folded"]
