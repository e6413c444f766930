"""The API's routes about skills."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from p2pnode.local.answer import Answer
from p2pnode.local.exchange_calls import BundleFile
from p2pnode.local.requests import Word
from p2pnode.local.routes import Service, answers
from p2pnode.local.skill_calls import SkillsShown

skill_routes = APIRouter(default_response_class=Answer)


@skill_routes.get("/skills", responses=answers(SkillsShown))
async def skills(service: Service, group: Word, who: Word = "me", skill: Word | None = None) -> Any:
    return await service.skills(group, who, skill)


@skill_routes.get("/skills/bundle", responses=answers(BundleFile))
async def export_skills(service: Service, group: Word) -> Any:
    return await service.export_skills(group)
