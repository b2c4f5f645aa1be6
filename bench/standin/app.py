"""A stand-in for the original Model Library: FastAPI, pydantic models of its shapes, string.Template.

Measured beside mlib, and asked for the right answers by tests/e2e/original_api.py. `cards.json` (the answer of
/get_all) and `manifests/` are given by STANDIN_DATA.
"""
import json
import os
import pathlib
from string import Template
from typing import Dict, List, Optional

from fastapi import FastAPI
from pydantic import BaseModel

DATA = pathlib.Path(os.environ["STANDIN_DATA"])


class ArchitectureCard(BaseModel):
    id: str
    deployment_yaml: str
    name: str
    description: str
    tags: dict
    health_endpoint: str = None


class ModelCard(BaseModel):
    id: str
    architecture: ArchitectureCard
    params: dict


class DeploymentCard(BaseModel):
    id: str
    params: dict


class Benchmark(BaseModel):
    id: str
    description: str
    results: dict


class ModelDeploymentTemplateCard(BaseModel):
    id: str
    name: str
    description: str
    model_card: ModelCard
    benchmarks: Optional[List[Benchmark]] = None
    deployment_card: DeploymentCard
    viable_deployment_cards: List[DeploymentCard] = []
    params: dict


class UserInformation(BaseModel):
    id: str
    namespace: str
    API_key: str


class Catalogue(BaseModel):
    ArchitectureCard: List[ArchitectureCard]
    ModelCard: List[ModelCard]
    DeploymentCard: List[DeploymentCard]
    ModelDeploymentTemplateCard: List[ModelDeploymentTemplateCard]


CARDS = Catalogue.model_construct(**{
    name: [kind.model_construct(**card) for card in json.loads((DATA / "cards.json").read_text())[name]]
    for name, kind in (("ArchitectureCard", ArchitectureCard), ("ModelCard", ModelCard),
                       ("DeploymentCard", DeploymentCard),
                       ("ModelDeploymentTemplateCard", ModelDeploymentTemplateCard))})
app = FastAPI()


@app.get("/get_all")
async def get_all():
    return {name: [card for card in getattr(CARDS, name)] for name in Catalogue.model_fields}


@app.post("/create")
async def create(template: ModelDeploymentTemplateCard, user: UserInformation):
    values = {**user.model_dump(), **template.model_card.params, **template.deployment_card.params,
              **template.params}
    name = pathlib.PurePath(template.model_card.architecture.deployment_yaml).name
    return Template((DATA / "manifests" / name).read_text()).substitute(values)


@app.post("/validate_template")
async def validate_template(template: ModelDeploymentTemplateCard):
    return True
