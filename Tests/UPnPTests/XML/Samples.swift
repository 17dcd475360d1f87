/// Documents as devices send them.
enum Samples {
    /// A media server with an embedded device, vendors' elements and a wrong namespace here and there.
    static let description = """
        <?xml version="1.0" encoding="utf-8"?>
        <root xmlns="urn:schemas-upnp-org:device-1-0" configId="7">
        <specVersion><major>1</major><minor>1</minor></specVersion>
        <device>
        <deviceType>urn:schemas-upnp-org:device:MediaServer:1</deviceType>
        <friendlyName> Küche &amp; Bad </friendlyName>
        <manufacturer>Tester</manufacturer><modelName>M &lt;1&gt;</modelName>
        <UDN>uuid:4d696e69-444c-164e-9d41-001122334455</UDN>
        <dlna:X_DLNADOC xmlns:dlna="urn:schemas-dlna-org:device-1-0">DMS-1.50</dlna:X_DLNADOC>
        <sec:ProductCap>smi,DCM10</sec:ProductCap>
        <iconList><icon><mimetype>image/png</mimetype><width>48</width><height>48</height><depth>24</depth>\
        <url>/icons/sm.png</url></icon></iconList>
        <serviceList><service><serviceType>urn:schemas-upnp-org:service:ContentDirectory:1</serviceType>
        <serviceId>urn:upnp-org:serviceId:ContentDirectory</serviceId><controlURL>/ctl/ContentDir</controlURL>
        <eventSubURL>/evt/ContentDir</eventSubURL><SCPDURL>/ContentDir.xml</SCPDURL></service></serviceList>
        <deviceList><device><deviceType>urn:schemas-upnp-org:device:DimmableLight:1</deviceType>
        <friendlyName>Inner</friendlyName><manufacturer>T</manufacturer><modelName>L</modelName>
        <UDN>uuid:inner</UDN></device></deviceList>
        <presentationURL>http://192.168.1.2:8200/</presentationURL>
        </device>
        </root>
        """

    static let scpd = """
        <?xml version="1.0"?>
        <scpd xmlns="urn:schemas-upnp-org:service-1-0"><specVersion><major>1</major><minor>0</minor></specVersion>
        <actionList>
        <action><name>SetTarget</name><argumentList><argument><name>newTargetValue</name><direction>in</direction>
        <relatedStateVariable>Target</relatedStateVariable></argument></argumentList></action>
        <action><name>SetLevel</name><argumentList>
        <argument><name>Channel</name><direction>in</direction><relatedStateVariable>A_ARG_TYPE_Channel</relatedStateVariable></argument>
        <argument><name>Level</name><direction>in</direction><relatedStateVariable>Level</relatedStateVariable></argument>
        <argument><name>Old</name><direction>out</direction><retval/><relatedStateVariable>Level</relatedStateVariable></argument>
        </argumentList></action>
        <action><name>Stop</name></action>
        </actionList>
        <serviceStateTable>
        <stateVariable sendEvents="no"><name>Target</name><dataType>boolean</dataType><defaultValue>0</defaultValue></stateVariable>
        <stateVariable multicast="yes"><name>Level</name><dataType>ui1</dataType><allowedValueRange><minimum>0</minimum>\
        <maximum>100</maximum><step>1</step></allowedValueRange></stateVariable>
        <stateVariable sendEvents="no"><name>A_ARG_TYPE_Channel</name><dataType>string</dataType><allowedValueList>\
        <allowedValue>Master</allowedValue><allowedValue>LF</allowedValue></allowedValueList></stateVariable>
        </serviceStateTable></scpd>
        """

    static let billionLaughs = """
        <?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">
        <!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;">
        <!ENTITY lol3 "&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;">
        ]><lolz>&lol3;</lolz>
        """

    static func nested(_ depth: Int) -> String {
        String(repeating: "<a>", count: depth) + String(repeating: "</a>", count: depth)
    }
}

extension Samples {
    static let lastChange = """
        <Event xmlns="urn:schemas-upnp-org:metadata-1-0/RCS/"><InstanceID val="0"><Volume channel="Master" val="3"/>\
        <Mute channel="Master" val="0"/><PresetNameList val="a,b &quot;c&quot;"/></InstanceID></Event>
        """

    static let action = """
        <?xml version="1.0"?>
        <s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">
        <s:Body><u:SetLevel xmlns:u="urn:schemas-upnp-org:service:Dimming:1"><Channel>Master</Channel><Level>42</Level></u:SetLevel>\
        </s:Body></s:Envelope>
        """
}
