# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests about networks. This file is private to the collection."""

from typing import List

from ..model import VnicProfile
from .client import ApiClient
from .convert import id_of, read_vnic_profile


class NetworkRequests(ApiClient):
    """Read the networks that virtual machines are connected to."""

    def list_vnic_profiles(self, data_center_id: str) -> List[VnicProfile]:
        """Return the vNIC profiles of a data center."""
        found = self._following("list the vNIC profiles", "network", self._services.vnic_profiles_service().list)
        if all(id_of(profile.network.data_center) for profile in found):
            return [
                read_vnic_profile(one, one.network) for one in found if id_of(one.network.data_center) == data_center_id
            ]
        with self._request("list the networks of the data center %s" % data_center_id):  # they did not come along
            service = self._services.data_centers_service().data_center_service(data_center_id)
            networks = {network.id: network for network in service.networks_service().list()}
        return [read_vnic_profile(one, networks[one.network.id]) for one in found if id_of(one.network) in networks]
