<?php
// PHP's SoapClient with nothing but our WSDL, used as Finkok's PHP examples and phpcfdi/finkok use it.
// Reads {base, username, password, xml, uuid?, taxpayer_id?, cer?, key?} as JSON; prints what SOAP answered.
$e = json_decode(stream_get_contents(STDIN), true);
$opciones = [
    'trace' => 1,
    'exceptions' => true,
    'cache_wsdl' => WSDL_CACHE_NONE,
    'features' => SOAP_SINGLE_ELEMENT_ARRAYS,
];
$quien = ['username' => $e['username'], 'password' => $e['password']];
$salida = [];
if (isset($e['xml'])) {
    $sello = new SoapClient($e['base'] . '/servicios/soap/stamp.wsdl', $opciones);
    $peticion = ['xml' => $e['xml']] + $quien;
    $salida['mala'] = $sello->__soapCall('stamp', [['password' => 'otra-cosa'] + $peticion]);
    $salida['primera'] = $sello->__soapCall('stamp', [$peticion]);
    $salida['segunda'] = $sello->__soapCall('stamp', [$peticion]);
    $salida['recuperada'] = $sello->stamped($peticion);
    $salida['pendiente'] = $sello->query_pending($quien + ['uuid' => $salida['primera']->stampResult->UUID]);
    try {
        $sello->__doRequest('<no-es-soap/>', $e['base'] . '/servicios/soap/stamp', 'stamp', 1);
        $salida['operaciones'] = count($sello->__getFunctions());
    } catch (SoapFault $falla) {
        $salida['falla'] = $falla->faultcode;
    }
} else {
    $cancelar = new SoapClient($e['base'] . '/servicios/soap/cancel.wsdl', $opciones);
    $uno = ['UUID' => $e['uuid'], 'Motivo' => '02', 'FolioSustitucion' => ''];
    $salida['cancelada'] = $cancelar->cancel([
        'UUIDS' => ['UUID' => [$uno]],
        'taxpayer_id' => $e['taxpayer_id'],
        'cer' => base64_decode($e['cer']),
        'key' => base64_decode($e['key']),
        'store_pending' => false,
    ] + $quien);
    $salida['acuse'] = $cancelar->get_receipt(
        $quien + ['taxpayer_id' => $e['taxpayer_id'], 'uuid' => $e['uuid'], 'type' => 'C']);
    $salida['estado'] = $cancelar->get_sat_status(
        $quien + ['taxpayer_id' => $e['taxpayer_id'], 'rtaxpayer_id' => 'URE180429TM6', 'uuid' => $e['uuid'], 'total' => '0']);
}
echo json_encode($salida, JSON_UNESCAPED_UNICODE);
