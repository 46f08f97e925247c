"""The knowledge as FHIR R4 resources that others can read and reuse. Holds no patient; decides nothing clinical."""

from cds_service.publish.published import Published, publish

__all__ = ["Published", "publish"]
