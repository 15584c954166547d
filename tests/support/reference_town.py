"""A configuration of econsimulacra in which nothing is left to chance: cells and amounts are given, and the way decides."""

from __future__ import annotations

from typing import Any

FOODS = {"Rice": 500.0, "Tea": 80.0, "Fish": 900.0}


def household(cell: list[int], cash: float, **more: Any) -> dict[str, Any]:
    return {
        "type": "RuleBasedHousehold",
        "isHousehold": True,
        "initialCoords": cell,
        "foodItems": list(FOODS),
        "inventory": {"Yen": cash, "Rice": 2, "Tea": 0.5, "Fish": 0.2, "Radio": 1},
        "startHour": 6.0,
        "sSinventoryRule": {
            "reorderPoints": {"Rice": 1.0, "Tea": 0.4, "Fish": 0.1},
            "targetStocks": {"Rice": 3, "Tea": 2, "Fish": 2},
        },
        "pricePriors": FOODS,
        "itemImportance": {"Rice": 1.0, "Tea": 2.0, "Fish": 0.5},
        "storeChoice": {"betaDistance": 60.0},
        "personaConfig": {},
        **more,
    }


def shop(name: str, cell: list[int], **stock: float) -> dict[str, Any]:
    return {
        "type": "RuleBasedRetailer",
        "name": name,
        "initialCoords": cell,
        "inventory": {"Yen": 0, **stock},
        "provideInfo4CoLocatedAgents": ["inventory"],
        "provideInfo4AllAgents": ["self_pos"],
        "requestObs": ["self_inventory", "incoming_orders"],
    }


def configuration(steps: int = 120) -> dict[str, Any]:
    meals = {"mealCenters": [7.0, 20.0], "composition": {"Rice": 0.6, "Tea": 0.1, "Fish": 0.3}}
    agents = {
        "Mart": shop("Mart", [1, 1], Rice=6, Tea=5, Fish=3),
        "Bar": shop("Bar", [6, 4], Fish=4, Tea=2),
        "Near": household([0, 0], 9000.0),
        "Far": household([7, 7], 20000.0, startHour=0.0, mealRule=meals),
        "Poor": household([3, 1], 900.0, budgetRule={"cashReserve": 100.0, "maxBasketShare": 0.8}),
    }
    recommender = {"type": "TwoHopRecommenderSystem", "maxRecommendations": 1}
    begun = ["AgentGenerationLog"]
    return {
        "simulation": {"numSteps": steps, "events": ["pay", "supply"]},
        "environment": {
            "space": "grid",
            "socialNetwork": "network",
            "cashName": "Yen",
            "agents": list(agents),
            "items": ["Yen", *FOODS, "Radio"],
            "service": ["sleepManager"],
        },
        "grid": {"type": "GridSpace", "gridSize": [8, 8]},
        "network": {"type": "SocialNetwork", "followCap": 5, "recSys": recommender},
        "sleepManager": {"type": "SleepManager"},
        "pay": {
            "type": "ConstantSalary",
            "trigger": {"with": begun, "every": 48},
            "unpaidAgentNames": ["Mart", "Bar"],
        },
        "supply": {
            "type": "ConstantSupply",
            "trigger": {"with": begun, "every": 24},
            "suppliedAgentNames": ["Mart"],
        },
        "Yen": {"type": "Item", "initialPrice": 1.0},
        "Radio": {"type": "Item", "initialPrice": 3000.0},
        **{name: {"type": "Item", "initialPrice": price} for name, price in FOODS.items()},
        **agents,
    }
